# omnimem in bash: a session is open in the repository that this shell is in.
# At a prompt in the same directory as before, two strings are compared and the daemon's socket is looked for, no more.

# With the exit status of the last command as an argument, give it back.
__omnimem_prompt() {
    local socket=${OMNIMEM_SOCKET:-@SOCKET@} root=
    if [[ $PWD != "$__omnimem_pwd" ]]; then
        __omnimem_pwd=$PWD
        __omnimem_climb
    fi
    if [[ ! -S $socket ]]; then
        __omnimem_root='?' # the next daemon is to be told where this shell is
    else
        [[ ${OMNIMEM_OFF-} == 1 ]] || root=$__omnimem_here
        if [[ $root != "$__omnimem_root" ]]; then
            [[ $root -ef $__omnimem_root ]] || __omnimem_sync
            __omnimem_root=$root
        fi
    fi
    [[ $# == 0 || $- == *e* ]] || return "$1"
}

# Find the repository: the nearest folder, below the home directory, that holds .git or .omnimem.toml.
__omnimem_climb() {
    local up=.
    __omnimem_here=
    while [[ -d $up && ! $up -ef / && ! $up -ef ${HOME:-/} ]]; do
        if [[ -e $up/.git || -e $up/.omnimem.toml ]]; then
            __omnimem_here=$PWD/$up
            break
        fi
        up=$up/..
    done
}

# Tell the daemon, in the background and as no job. The quicker way changes $!, so it is not for who may ask for that.
__omnimem_sync() {
    if [[ -z ${!:-} || ${!:-} == "$__omnimem_last" ]]; then
        { __omnimem_tell & disown "$!" || :; } 2>/dev/null
        __omnimem_last=$!
    else
        (__omnimem_tell &)
    fi
}

# It begins a moment later, so that the prompt need not share the processor with it.
__omnimem_tell() {
    OMNIMEM_OFF=${OMNIMEM_OFF-} exec /bin/sh -c 'sleep 0.05; exec "$@"' sh @COMMAND@ shell sync --socket "$socket" \
        --pid "$$" --tool bash --key "$__omnimem_key" -- "$PWD" </dev/null >/dev/null 2>&1
}

if [[ ${__omnimem_key-} != "$$."* ]]; then
    __omnimem_key=$$.$RANDOM.$RANDOM.$RANDOM
    __omnimem_pwd='' __omnimem_here='' __omnimem_root='' __omnimem_last=''
fi
if [[ ${PROMPT_COMMAND[*]-} != *__omnimem_* ]]; then
    if ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] < 501)) || [[ $(declare -p PROMPT_COMMAND 2>&1) == 'declare -x'* ]]; then
        # Older ones take no array, and none can be exported. A shell that only inherits this has no such function.
        PROMPT_COMMAND=${PROMPT_COMMAND:+$PROMPT_COMMAND$'\n'}'"${__omnimem_hook-:}" "$?"'
    else
        PROMPT_COMMAND=${PROMPT_COMMAND-} # the first is for who knows of no array, and appends to it
        PROMPT_COMMAND+=(__omnimem_prompt)
    fi
fi
__omnimem_hook=__omnimem_prompt

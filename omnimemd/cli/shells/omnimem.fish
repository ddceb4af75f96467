# omnimem in fish: a session is open in the repository that this shell is in.
# At a prompt in the same directory as before, two strings are compared and the daemon's socket is looked for, no more.

function __omnimem_prompt --on-event fish_prompt
    set -l socket @SOCKET@
    set -q OMNIMEM_SOCKET[1]; and test -n "$OMNIMEM_SOCKET"; and set socket $OMNIMEM_SOCKET
    if test "$PWD" != "$__omnimem_pwd"
        set -g __omnimem_pwd $PWD
        __omnimem_climb
    end
    if not test -S "$socket"
        set -g __omnimem_root '?' # the next daemon is to be told where this shell is
        return
    end
    set -l root $__omnimem_here
    test "$OMNIMEM_OFF" = 1; and set root ''
    if test "$root" != "$__omnimem_root"
        set -g __omnimem_root $root
        __omnimem_sync $socket
    end
end

# Find the repository: the nearest folder, below the home directory, that holds .git or .omnimem.toml.
function __omnimem_climb
    set -g __omnimem_here ''
    set -l up (builtin realpath . 2>/dev/null)
    set -l home (builtin realpath "$HOME" 2>/dev/null)
    while string match -q '/?*' -- "$up"; and test "$up" != "$home"
        if test -e "$up/.git" -o -e "$up/.omnimem.toml"
            set __omnimem_here $up
            break
        end
        set up (string replace -r '/[^/]*$' '' -- "$up")
    end
end

# Tell the daemon, in the background and as no job.
function __omnimem_sync -a socket
    OMNIMEM_OFF="$OMNIMEM_OFF" command /bin/sh -c '"$@" </dev/null >/dev/null 2>&1 &' sh \
        @COMMAND@ shell sync --socket $socket --pid $fish_pid --tool fish --key $__omnimem_key -- $PWD
end

if not string match -q "$fish_pid.*" -- "$__omnimem_key"
    set -g __omnimem_key $fish_pid.(random).(random).(random)
    set -g __omnimem_pwd ''
    set -g __omnimem_here ''
    set -g __omnimem_root ''
end

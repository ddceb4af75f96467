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

# Tell the daemon, in the background and as no job. The quicker way changes $last_pid, so it is not for who may ask for
# that. It begins a moment later, so that the prompt need not share the processor with it.
function __omnimem_sync -a socket
    set -lx OMNIMEM_OFF $OMNIMEM_OFF
    set -l tell 'sleep 0.05; exec "$@"'
    set -l words @COMMAND@ shell sync --socket $socket --pid $fish_pid --tool fish --key $__omnimem_key -- $PWD
    if test "$last_pid" = "$__omnimem_last"
        command /bin/sh -c $tell sh $words </dev/null >/dev/null 2>&1 &
        set -g __omnimem_last $last_pid
        disown $last_pid 2>/dev/null
    else
        command /bin/sh -c "($tell) </dev/null >/dev/null 2>&1 &" sh $words
    end
end

if not string match -q "$fish_pid.*" -- "$__omnimem_key"
    set -g __omnimem_key $fish_pid.(random).(random).(random)
    set -g __omnimem_pwd ''
    set -g __omnimem_here ''
    set -g __omnimem_root ''
    set -g __omnimem_last ''
end

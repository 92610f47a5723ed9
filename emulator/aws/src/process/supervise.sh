# $0 is the process's folder, "$@" the program and its arguments: both are data and never part of this text.
# Descriptor 9 is held by this shell alone, 8 by the program and all that it starts (see process.rs).
# What the shell itself has to say about signals is no output of the program: its stderr leads nowhere.
exec 9<&0 8<&2 0</dev/null 2>/dev/null
unset PWD OLDPWD
echo $$ >"$0/pid"
# A handler and not '': what is ignored is inherited, and the program has to get these signals.
trap : HUP INT TERM
(
# Signals are no longer the shell's in here: one that comes before the program has begun ends it.
: >"$0/begun"
exec "$@" 2>&1 9<&-
)
echo $? >"$0/exit"
# The program has ended, so whatever it left running ends too, as in a container; this shell included.
kill -s KILL 0

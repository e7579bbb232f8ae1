#!/bin/sh
# What librefatom.a defines and asks for: sh check_symbols.sh LIBREFATOM.A
# Every global symbol begins with rfa_; only alloc.c asks for an allocator; nothing prints, exits or reads the environment.
set -eu
library=$1
failed=0

# nm -A: ARCHIVE:MEMBER:VALUE TYPE NAME; names that a compiler or sanitizer makes up begin with two underscores or a dot.
foreign=$(nm -A -g --defined-only "$library" | awk '$NF !~ /^(rfa_|__|\.|DW\.)/ { print $NF }' | sort -u)
if [ -n "$foreign" ]; then
    echo "symbols without the prefix rfa_:" $foreign >&2
    failed=1
fi

# asks PATTERN [MEMBER]: undefined names that match, outside of MEMBER
asks() {
    nm -A -u "$library" | awk -v pattern="^($1)\$" -v member=":${2:-none}:" '
        { name = $NF; sub(/@.*/, "", name) }
        name ~ pattern && index($0, member) == 0 { split($1, part, ":"); print part[2] ": " name }'
}
complain() {
    [ -z "$1" ] || { echo "$2:" >&2; echo "$1" >&2; failed=1; }
}
complain "$(asks 'malloc|calloc|realloc|reallocarray|aligned_alloc|posix_memalign|memalign|valloc|free|strdup|strndup|alloca' alloc.c.o)" \
    "only alloc.c may allocate"
complain "$(asks 'printf|fprintf|vprintf|vfprintf|puts|fputs|putchar|fputc|fwrite|perror|stdout|stderr|__printf_chk|__fprintf_chk')" \
    "the library must not print"
complain "$(asks 'exit|_exit|_Exit|quick_exit|abort|getenv|secure_getenv|system')" "the library must not exit or read the environment"

# The checks above can fail: alloc.c does ask for memory.
[ -n "$(asks 'aligned_alloc|posix_memalign|malloc')" ] || { echo "no allocator is asked for at all: is this librefatom.a?" >&2; failed=1; }
exit $failed

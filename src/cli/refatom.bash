# bash completion for refatom. Commands and options are asked of the program itself, so this file never falls behind it.
_refatom()
{
    local program=${COMP_WORDS[0]} word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    COMPREPLY=()
    if [[ $COMP_CWORD -eq 1 ]]; then
        local commands
        commands=$("$program" --help 2>/dev/null | sed -n 's/^  \([a-z][a-z]*\) .*/\1/p')
        mapfile -t COMPREPLY < <(compgen -W "$commands --help --version" -- "$word")
        return
    fi
    case $before in
    --cpu | --cpu-cap)
        if [[ ${COMP_WORDS[1]} != info || $before != --cpu ]]; then
            local tiers
            tiers=$("$program" info --cpu 2>/dev/null | sed -n '/^instruction sets/,/^kernels/s/^  \([a-z0-9]*\) .*/\1/p')
            mapfile -t COMPREPLY < <(compgen -W "$tiers auto" -- "$word")
            return
        fi
        ;;
    --devices)
        mapfile -t COMPREPLY < <(compgen -W "cpu,cuda cpu:c,cpu" -- "$word")
        return
        ;;
    --affinity)
        mapfile -t COMPREPLY < <(compgen -W "big all" -- "$word")
        return
        ;;
    --caption | --at | --threads | --cache | --group | --every | --scene | --shard | --first-second | --seconds | --filter | --sessions | --tolerance | --answers | --seed | --keep)
        return
        ;;
    esac
    if [[ $word == -* ]]; then
        local options
        options=$("$program" "${COMP_WORDS[1]}" --help 2>/dev/null | grep -oE -e '(^|[^A-Za-z-])--?[a-z][a-z0-9-]*' | grep -oE -e '-[a-z0-9-]+' | sort -u)
        mapfile -t COMPREPLY < <(compgen -W "$options --help" -- "$word")
    else
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
    fi
}
complete -F _refatom refatom

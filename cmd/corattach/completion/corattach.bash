# bash completion for corattach: source <(corattach completion bash)

_corattach() {
    # Bash takes words apart at = and :, which are no ends of words here.
    local -a words=()
    local i n word joined=
    for ((i = 1; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        n=${#words[@]}
        if ((n > 0)) && [[ $word == [=:] || -n $joined ]]; then
            words[n - 1]+=$word
        else
            words+=("$word")
        fi
        joined=
        if [[ $word == [=:] ]]; then joined=yes; fi
    done
    n=${#words[@]}
    local current=${words[n - 1]} piece=${COMP_WORDS[COMP_CWORD]}
    if [[ $piece == [=:] ]]; then piece=; fi
    local before=${current%"$piece"}

    COMPREPLY=()
    local kind= line
    while IFS= read -r line; do
        if [[ -z $kind ]]; then
            kind=$line
            continue
        fi
        line=${line%%$'\t'*}
        COMPREPLY+=("${line#"$before"}")
    done < <("${COMP_WORDS[0]/#\~/$HOME}" __complete "${words[@]}" 2>/dev/null)
    case $kind in
    files) compopt -o default 2>/dev/null ;;
    directories) compopt -o dirnames -o filenames 2>/dev/null ;;
    esac
}

if type compopt &>/dev/null; then
    complete -F _corattach corattach
else # bash 3 can't be told when a file is wanted
    complete -o default -F _corattach corattach
fi

#compdef corattach
# zsh completion for corattach: source <(corattach completion zsh), after compinit,
# or a file named _corattach in a directory of $fpath.

_corattach() {
    local -a answers described
    local answer
    answers=("${(@f)$("${(Q)${~words[1]}}" __complete "${(@Q)words[2,CURRENT]}" 2>/dev/null)}")
    case $answers[1] in
    files)
        compset -P '--[^=]#='
        _files
        ;;
    directories)
        compset -P '--[^=]#='
        _files -/
        ;;
    words)
        for answer in "${(@)answers[2,-1]}"; do
            described+=("${${${answer%%$'\t'*}//:/\\:}}${${answer#*$'\t'}:+:${answer#*$'\t'}}")
        done
        _describe -V corattach described
        ;;
    esac
}

if [[ $funcstack[1] == _corattach ]]; then
    _corattach "$@"
else
    compdef _corattach corattach
fi

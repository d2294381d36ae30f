# fish completion for corattach: corattach completion fish | source

function __corattach_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l current $words[-1]
    set -l program (string replace -r '^~(?=/)' "$HOME" -- $words[1])
    set -l answers ($program __complete $words[2..-1] 2>/dev/null)
    set -l before (string match -r '^--[^=]*=' -- $current)
    set -l typed (string replace -r '^--[^=]*=' '' -- $current)
    switch "$answers[1]"
        case files
            for path in (__fish_complete_path $typed)
                printf '%s\n' "$before$path"
            end
        case directories
            for path in (__fish_complete_directories $typed '')
                printf '%s\n' "$before$path"
            end
        case words
            printf '%s\n' $answers[2..-1]
    end
end

complete -c corattach -f -k -a '(__corattach_complete)'

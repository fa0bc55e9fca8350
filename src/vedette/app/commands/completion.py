"""`vedette completion SHELL`."""

from typing import Literal


def completion(shell: Literal["bash", "zsh", "fish", "powershell"], /) -> None:
    """Print a completion script for your shell.

    bash: `vedette completion bash > ~/.local/share/bash-completion/completions/vedette`.
    zsh: `vedette completion zsh > "${fpath[1]}/_vedette"`.
    fish: `vedette completion fish > ~/.config/fish/completions/vedette.fish`.
    PowerShell: `vedette completion powershell | Out-String | Invoke-Expression`.
    """
    from vedette.app.tree import tree

    print(tree().generate_completion(shell=shell))  # noqa: T201

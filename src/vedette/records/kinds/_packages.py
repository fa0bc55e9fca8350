"""Packages as scanners write them: each has its own word for the same packaging, package URLs have the common one."""

import re

_PURL = re.compile(r"pkg:([A-Za-z][A-Za-z0-9.+-]{0,30})/")
_WORDS = {
    "apk": "alpine wolfi chainguard minimos",
    "cargo": "rustbinary rust-binary rust-crate",
    "composer": "composer-vendor php-composer",
    "conda": "conda-pkg conda-environment",
    "deb": "debian ubuntu dpkg",
    "gem": "bundler gemspec",
    "golang": "gomod gobinary go-module",
    "maven": "jar pom gradle sbt java-archive jenkins-plugin",
    "npm": "yarn pnpm bun node-pkg javascript",
    "nuget": "dotnet dotnet-core packages-props",
    "pypi": "pip pipenv poetry uv pylock python-pkg python",
    "rpm": "redhat centos rocky alma fedora amazon oracle photon azurelinux cbl-mariner opensuse opensuse-leap"
    " opensuse-tumbleweed suse sles slem",
}
_TYPES = {word: name for name, words in _WORDS.items() for word in words.split()}


def type_of(purl: str, word: str) -> str:
    """Return a package's type as package URLs call it: the URL's own, else that of the scanner's word for it."""
    found = _PURL.match(purl)
    return found[1].lower() if found else _TYPES.get(word.lower(), word)


def versions_of(text: str) -> tuple[str, ...]:
    """Return the versions of a text where several stand, parted by commas; ranges keep their blanks."""
    return tuple(dict.fromkeys(part for part in map(str.strip, text.split(",")) if part))


def one_line(text: str, limit: int = 500) -> str:
    """Return a title as one line of at most that many characters."""
    return text if text.isprintable() and len(text) <= limit else " ".join(text.split())[:limit]

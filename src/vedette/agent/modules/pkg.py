"""MIG's `pkg` module: which packages of these names and versions are installed."""

from typing import Annotated, ClassVar

from msgspec import Meta

from vedette.agent.modules import Context, Needs, Parameters, Result
from vedette.agent.modules.file_patterns import pattern
from vedette.agent.modules.packages import Package, packages
from vedette.agent.modules.tally import Tally

Text = Annotated[str, Meta(min_length=1, max_length=4096)]


class PkgMatch(Parameters, frozen=True, kw_only=True):
    """matches: RE2 on the package's name; any of them."""

    matches: Annotated[tuple[Text, ...], Meta(min_length=1, max_length=1000)]


class PkgParameters(Parameters, frozen=True, kw_only=True):
    """Which packages: their names, and RE2 on the version; a `!` before it turns it round."""

    pkgmatch: PkgMatch
    vermatch: Annotated[str, Meta(max_length=4096)] = ""


class Pkg:
    """Finds installed packages.

    elements: `packages`, each `{name, version, type, arch}`; the name is without the architecture,
    type is `dpkg`, `rpm` or `apk`. statistics: `execruntime`.
    """

    name: ClassVar[str] = "pkg"
    description: ClassVar[str] = (
        "Finds installed packages of dpkg, rpm and apk by name and version."
    )
    needs: ClassVar[Needs] = Needs()
    parameters: ClassVar[type[Parameters]] = PkgParameters

    def check(self, parameters: PkgParameters) -> None:
        """Raise `Invalid` for a pattern RE2 cannot read."""
        _Fitting(parameters)

    def run(self, parameters: PkgParameters, context: Context) -> Result:
        """Return the packages that fit; `Invalid` as `check`."""
        tally = Tally(context)
        fitting = _Fitting(parameters)
        found: list[dict[str, str]] = []
        for package in packages(context, tally):
            if tally.over:
                break
            if fitting(package):
                found.append(_element(package))
                tally.hit()
        return tally.result({"packages": found}, {"execruntime": tally.exectime})


class _Fitting:
    def __init__(self, parameters: PkgParameters) -> None:
        self._names = [pattern(text) for text in parameters.pkgmatch.matches]
        self._wanted = not parameters.vermatch.startswith("!")
        self._version = pattern(parameters.vermatch.removeprefix("!"))

    def __call__(self, package: Package) -> bool:
        name, version = package.name.encode(), package.version.encode()
        return (
            any(one.fits(name) for one in self._names)
            and self._version.fits(version) is self._wanted
        )


def _element(package: Package) -> dict[str, str]:
    return {
        "name": package.name,
        "version": package.version,
        "type": package.type,
        "arch": package.arch,
    }

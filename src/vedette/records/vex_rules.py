"""What a VEX statement speaks of, as keys under which a finding's image and package are looked for.

Suppliers name products as package URLs, digests, image names, CPEs or numbers of their own. A key is what is compared:
the digest where one is named, else the package URL without qualifiers, else the text as it is. Their like of findings
are made in SQL (`records.package_keys`, `records.subject_keys`).
"""

import re
from urllib.parse import parse_qs, unquote

_DIGEST = re.compile(r"\bsha(?:256:[0-9a-f]{64}|512:[0-9a-f]{128})\b", re.ASCII)

_WRITTEN = re.compile(r"%(40|3a|2b|7e|5e|2f|20)", re.IGNORECASE)
"""What package URLs write either way."""


def key_of_product(product: str) -> str:
    """Return the key of a product or a component.

    >>> key_of_product("pkg:oci/orders@sha256%3A" + "ab" * 32)[:12]
    'sha256:ababa'
    >>> key_of_product("pkg:oci/orders?repository_url=quay.io/shop/orders&tag=1.2")
    'quay.io/shop/orders:1.2'
    >>> key_of_product("pkg:npm/%40angular/core@1.0?arch=any")
    'pkg:npm/@angular/core@1.0'
    >>> key_of_product("pkg:deb/debian/libc6@2.36-9%2Bdeb12u4")
    'pkg:deb/debian/libc6@2.36-9+deb12u4'
    >>> key_of_product("cpe:2.3:a:shop:orders:1.0")
    'cpe:2.3:a:shop:orders:1.0'
    """
    digest = _DIGEST.search(unquote(product))
    if digest:
        return digest[0]
    if product.startswith("pkg:generic/"):
        return unquote(product.removeprefix("pkg:generic/").partition("?")[0])
    if not product.startswith("pkg:"):
        return " ".join(product.split())
    path, _, query = product.partition("#")[0].partition("?")
    bare = _WRITTEN.sub(lambda found: unquote(found[0]), path)
    if path.startswith(("pkg:oci/", "pkg:docker/")) and (image := _image(bare, query)):
        return image
    return bare


def _image(bare: str, query: str) -> str:
    """Return the image's name, with its tag where one is said; "" where no repository is."""
    said = parse_qs(query)
    repository = said.get("repository_url", [""])[0].removeprefix("https://")
    if not repository:
        return ""
    name = bare.partition("/")[2].rpartition("@")[0] or bare.partition("/")[2]
    if repository.rpartition("/")[2] != name.rpartition("/")[2]:
        repository = f"{repository}/{name}"
    tag = said.get("tag", [""])[0]
    return f"{repository}:{tag}" if tag else repository


def keys_of(products: tuple[str, ...]) -> list[str]:
    """Return the keys of these products, each once."""
    return list(dict.fromkeys(filter(None, map(key_of_product, products))))

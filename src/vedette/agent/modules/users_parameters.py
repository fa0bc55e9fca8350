"""What the `users` module can be asked."""

from typing import Annotated, Literal

from msgspec import Meta

from vedette.agent.modules import Parameters

Text = Annotated[str, Meta(min_length=1, max_length=4096)]
Some = Annotated[tuple[Text, ...], Meta(max_length=1000)]
Password = Literal["set", "empty", "locked", "unknown"]


class UsersParameters(Parameters, frozen=True, kw_only=True):
    """Which accounts; every condition must hold, of a condition's values any.

    names: RE2 on the name. uids: numbers. groups: names of groups it belongs to. login: whether it
    has a shell one can log in with. loggedin: whether it is logged in now. authorizedkeys: whether
    SSH keys may log in as it. passwords: `set`, `empty`, `locked`; `unknown` where only root may
    know. matchlimit: how many are told; 0 is all.
    """

    names: Some = ()
    uids: tuple[Annotated[int, Meta(ge=0)], ...] = ()
    groups: Some = ()
    login: bool | None = None
    loggedin: bool | None = None
    authorizedkeys: bool | None = None
    passwords: tuple[Password, ...] = ()
    matchlimit: Annotated[int, Meta(ge=0)] = 0

"""Every URL with its permission, in one table.

A route that is not in the table keeps the server from starting, so nothing is ever served that a
reviewer has not seen here. Pages whose permission is not public ask for the token themselves, since
a browser is sent to `/login` where a program gets 401.
"""

from dataclasses import dataclass

from vedette.rest.guard import PUBLIC

FEEDS = (
    "/rss",
    "/rss/",
    "/v2/rss/",
    "/feeds/all.atom",
    "/feeds/all.json",
    "/feeds/regions/{name}.atom",
    "/feeds/regions/{name}.json",
    "/feeds/components/{name}.atom",
    "/feeds/components/{name}.json",
    "/badges/overall.svg",
    "/badges/overall.json",
    "/badges/{name}.svg",
    "/badges/{name}.json",
    "/embed/summary",
    "/api/v2/summary.json",
    "/api/v2/status.json",
    "/api/v2/components.json",
    "/api/v2/incidents.json",
    "/api/v2/incidents/unresolved.json",
    "/api/v2/scheduled-maintenances.json",
    "/api/v2/scheduled-maintenances/upcoming.json",
    "/api/v2/scheduled-maintenances/active.json",
)
"""What others show of our status elsewhere: feeds, badges, a summary, Statuspage's documents."""


@dataclass(frozen=True, slots=True)
class Url:
    """A method and a path; who may: `public`, or the scope a token must hold."""

    method: str
    path: str
    permission: str


URLS: tuple[Url, ...] = (
    # Pages: what everyone sees, and what operators see once they have signed in.
    Url("GET", "/", PUBLIC),
    Url("GET", "/index", PUBLIC),
    Url("GET", "/maintenance.ics", PUBLIC),
    Url("GET", "/incidents", "incidents:write"),
    Url("GET", "/incidents/{name}", PUBLIC),
    Url("GET", "/history", PUBLIC),
    Url("GET", "/components/{name}", PUBLIC),
    Url("GET", "/maintenance", PUBLIC),
    Url("GET", "/availability", PUBLIC),
    Url("GET", "/preferences", PUBLIC),
    Url("POST", "/preferences", PUBLIC),
    Url("GET", "/static/{name}", PUBLIC),
    *(Url("GET", path, PUBLIC) for path in FEEDS),
    Url("GET", "/targets", "read"),
    Url("GET", "/targets/{name}", "read"),
    Url("GET", "/agents", "read"),
    # The desk: what we tell people, by forms.
    Url("GET", "/desk", "incidents:write"),
    Url("GET", "/desk/open", "incidents:write"),
    Url("POST", "/desk/open", "incidents:write"),
    Url("GET", "/desk/plan", "incidents:write"),
    Url("POST", "/desk/plan", "incidents:write"),
    Url("GET", "/desk/incidents/{name}", "incidents:write"),
    Url("POST", "/desk/incidents/{name}", "incidents:write"),
    Url("GET", "/desk/series", "incidents:write"),
    Url("POST", "/desk/series", "incidents:write"),
    Url("GET", "/desk/series/{name}", "incidents:write"),
    Url("POST", "/desk/series/{name}", "incidents:write"),
    Url("GET", "/desk/templates", "incidents:write"),
    Url("POST", "/desk/templates", "incidents:write"),
    # Signing in and out, and one's own sessions.
    Url("GET", "/login", PUBLIC),
    Url("POST", "/login", PUBLIC),
    Url("GET", "/login/openid", PUBLIC),
    Url("GET", "/login/callback", PUBLIC),
    Url("GET", "/login/command-line", "read"),
    Url("POST", "/login/command-line", "read"),
    Url("GET", "/sign-in", PUBLIC),
    Url("POST", "/sign-in", PUBLIC),
    Url("POST", "/logout", PUBLIC),
    Url("POST", "/sign-out", PUBLIC),
    Url("GET", "/sessions", "read"),
    Url("POST", "/sessions", "read"),
    Url("GET", "/api/v1/session", "read"),
    Url("POST", "/api/v1/session", PUBLIC),
    Url("DELETE", "/api/v1/session", "read"),
    Url("POST", "/api/v1/session/device", PUBLIC),
    Url("POST", "/api/v1/session/device/poll", PUBLIC),
    # What machines ask of the server itself.
    Url("GET", "/livez", PUBLIC),
    Url("GET", "/readyz", PUBLIC),
    Url("GET", "/metrics", PUBLIC),
    Url("GET", "/openapi.json", PUBLIC),
    # What it can be asked.
    Url("GET", "/api/v1/targets/{name}/commands", "read"),
    Url("POST", "/api/v1/targets/{name}/ask", "ask"),
    # How it is.
    Url("GET", "/api/v1/targets", "read"),
    Url("GET", "/api/v1/targets/{name}", "read"),
    Url("GET", "/api/v1/targets/{name}/reports", "read"),
    Url("GET", "/api/v1/targets/{name}/measurements/{measurement}", "read"),
    Url("GET", "/api/v1/components", "read"),
    Url("GET", "/api/v1/components/{slug}/explain", "read"),
    Url("GET", "/api/v1/watch", "read"),
    Url("GET", "/federate", "read"),
    Url("GET", "/api/v1/availability", PUBLIC),
    # What people are told by mail.
    Url("GET", "/api/v1/notices", "incidents:write"),
    Url("GET", "/api/v1/notices/{number}", "incidents:write"),
    Url("GET", "/api/v1/notices/recipients", "incidents:write"),
    # What reporters of the Status Dashboard post and its readers read, as they know it.
    Url("GET", "/api/v1/component_status", PUBLIC),
    Url("POST", "/api/v1/component_status", "component_status"),
    Url("GET", "/api/v1/incidents", PUBLIC),
    # What we tell people. With `read` one sees what was published; the rest is for those who write.
    Url("GET", "/api/v1/events", "read"),
    Url("GET", "/api/v1/events/{number}", "read"),
    Url("GET", "/api/v1/events/{number}/updates", "read"),
    Url("GET", "/api/v1/events/{number}/history", "incidents:write"),
    Url("POST", "/api/v1/events", "incidents:write"),
    Url("POST", "/api/v1/events/{number}/updates", "incidents:write"),
    Url("PATCH", "/api/v1/events/{number}/updates/{update_id}", "incidents:write"),
    Url("POST", "/api/v1/events/{number}/close", "incidents:write"),
    Url("POST", "/api/v1/events/{number}/reopen", "incidents:write"),
    Url("POST", "/api/v1/events/{number}/correct", "incidents:write"),
    Url("POST", "/api/v1/events/{number}/separate", "incidents:write"),
    Url("POST", "/api/v1/events/{number}/merge", "incidents:write"),
    Url("POST", "/api/v1/events/{number}/publish", "incidents:write"),
    Url("PUT", "/api/v1/events/{number}/postmortem", "incidents:write"),
    Url("GET", "/api/v1/templates", "read"),
    Url("GET", "/api/v1/templates/{name}", "read"),
    Url("PUT", "/api/v1/templates/{name}", "incidents:write"),
    Url("DELETE", "/api/v1/templates/{name}", "incidents:write"),
    # The same of its successor; writing beyond a report is for people and their tokens.
    Url("GET", "/v1/component_status", PUBLIC),
    Url("POST", "/v1/component_status", "component_status"),
    Url("GET", "/v1/incidents", PUBLIC),
    Url("GET", "/v2/components", PUBLIC),
    Url("POST", "/v2/components", "incidents:write"),
    Url("GET", "/v2/components/{component_id}", PUBLIC),
    Url("GET", "/v2/availability", PUBLIC),
    Url("GET", "/v2/events", PUBLIC),
    Url("POST", "/v2/events", "component_status"),
    Url("GET", "/v2/events/{event_id}", PUBLIC),
    Url("PATCH", "/v2/events/{event_id}", "incidents:write"),
    Url("POST", "/v2/events/{event_id}/extract", "incidents:write"),
    Url("PATCH", "/v2/events/{event_id}/updates/{index}", "incidents:write"),
    Url("GET", "/v2/incidents", PUBLIC),
    Url("POST", "/v2/incidents", "component_status"),
    Url("GET", "/v2/incidents/{event_id}", PUBLIC),
    Url("PATCH", "/v2/incidents/{event_id}", "incidents:write"),
    Url("POST", "/v2/incidents/{event_id}/extract", "incidents:write"),
    Url("PATCH", "/v2/incidents/{event_id}/updates/{index}", "incidents:write"),
    # What is planned.
    Url("GET", "/api/v1/maintenances", "read"),
    Url("POST", "/api/v1/maintenances", "incidents:write"),
    Url("GET", "/api/v1/maintenances/{number}", "read"),
    Url("PATCH", "/api/v1/maintenances/{number}", "incidents:write"),
    Url("POST", "/api/v1/maintenances/{number}/start", "incidents:write"),
    Url("POST", "/api/v1/maintenances/{number}/finish", "incidents:write"),
    Url("POST", "/api/v1/maintenances/{number}/cancel", "incidents:write"),
    Url("POST", "/api/v1/maintenances/{number}/publish", "incidents:write"),
    Url("GET", "/api/v1/maintenances/series", "read"),
    Url("POST", "/api/v1/maintenances/series", "incidents:write"),
    Url("GET", "/api/v1/maintenances/series/{number}", "read"),
    Url("PATCH", "/api/v1/maintenances/series/{number}", "incidents:write"),
    Url("POST", "/api/v1/maintenances/series/{number}/end", "incidents:write"),
    # What others push.
    Url("POST", "/api/v1/prometheus/write", "reports:write"),
    Url("POST", "/api/v1/otlp/v1/metrics", "reports:write"),
    Url("POST", "/v1/metrics", "reports:write"),
    # Records of services: handed in at once, or as snapshots.
    Url("POST", "/api/v1/records/{kind}", "records:write"),
    Url("POST", "/api/v1/snapshots", "records:write"),
    Url("POST", "/api/v1/snapshots/{token}/documents", "records:write"),
    Url("POST", "/api/v1/snapshots/{token}/close", "records:write"),
    Url("DELETE", "/api/v1/snapshots/{token}", "records:write"),
    Url("GET", "/api/v1/kinds", "read"),
    Url("GET", "/api/v1/vulnerabilities", "records:read"),
    # What is known of services beside vulnerabilities: checks, SLOs, deployments, what these caused.
    Url("GET", "/api/v1/validations", "records:read"),
    Url("GET", "/api/v1/validations/checks", "records:read"),
    Url("GET", "/api/v1/slo-values", "records:read"),
    Url("GET", "/api/v1/objectives", "records:read"),
    Url("GET", "/api/v1/deployments", "records:read"),
    Url("POST", "/api/v1/deployments", "records:write"),
    Url("GET", "/api/v1/dora", "records:read"),
    Url("GET", "/api/v1/causes", "records:read"),
    Url("POST", "/api/v1/causes/{incident}/{deployment}/confirm", "incidents:write"),
    Url("POST", "/api/v1/causes/{incident}/{deployment}/reject", "incidents:write"),
    # What there is.
    Url("GET", "/api/v1/regions", "read"),
    Url("GET", "/api/v1/clusters", "read"),
    Url("GET", "/api/v1/services", "read"),
    # Who looks.
    Url("GET", "/api/v1/agents", "read"),
    Url("POST", "/api/v1/agents/join-tokens", "agents:write"),
    Url("POST", "/api/v1/agents/{name}/revoke", "agents:write"),
    Url("POST", "/api/v1/agents/{name}/retire", "agents:write"),
    # Who may ask.
    Url("GET", "/api/v1/tokens", "tokens:write"),
    Url("POST", "/api/v1/tokens", "tokens:write"),
    Url("DELETE", "/api/v1/tokens/{name}", "tokens:write"),
    Url("GET", "/api/v1/clients", "tokens:write"),
    Url("DELETE", "/api/v1/clients/{name}", "tokens:write"),
    Url("POST", "/api/v1/clients/certificates", "tokens:write"),
)
"""HEAD is GET; every other method of these paths is 405."""

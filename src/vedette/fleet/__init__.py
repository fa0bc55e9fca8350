"""Fleet: what there is. Regions, clusters, namespaces, services, components, targets and agents.

Tables: schema `fleet`. Declared by settings files (`declare`), enrolled by hosts (`enrol`,
`attach`), joined by assignment (`assign`). Channel `vedette_fleet`: `agent:<id>` when an agent's
configuration or standing changed, `targets` when declarations changed.
"""

"""The REST routes of every room, in one list; who may what of them stands in `urls.py`."""

from typing import Any

from vedette.access import api as access
from vedette.access import clients_api as clients
from vedette.access import sessions_api as sessions
from vedette.actions import api as actions
from vedette.actions import ask_api as asks
from vedette.actions import mandates_api as mandates
from vedette.actions import mig_api, mig_investigators_api, mig_loaders_api
from vedette.actions import results_api as results
from vedette.actions import trust_api as trust
from vedette.automation import beneath_api as beneath
from vedette.automation import causes_api as causes
from vedette.automation import delivery_api as delivery
from vedette.automation import explain_api as explain
from vedette.automation import objectives_api as objectives
from vedette.fleet import api as fleet
from vedette.fleet import endpoints_api as endpoints
from vedette.health import api as health
from vedette.health import federate
from vedette.health import measured_api as measured
from vedette.incidents import availability_api as availability
from vedette.incidents import events_api as events
from vedette.incidents import events_write_api as events_write
from vedette.incidents import maintenance_api as maintenances
from vedette.incidents import notices_api as notices
from vedette.incidents import reporters_api as reporters
from vedette.incidents import series_api as series
from vedette.incidents import successor_api as successor
from vedette.incidents import templates_api as templates
from vedette.link import intake_api as intake
from vedette.link import watch_api as watch
from vedette.records import api as records
from vedette.records import api_vulnerabilities as vulnerabilities
from vedette.records import (
    dashdotdb_api,
    dashdotdb_read_api,
    export_api,
    find_api,
    knowledge_api,
    top_api,
    triage_api,
)
from vedette.records import deployments_api as deployments
from vedette.records import pods_api as pods
from vedette.records import slo_values_api as slo_values
from vedette.records import validations_api as validations

ROUTES: tuple[Any, ...] = (
    *health.routes,
    *measured.routes,
    *explain.routes,
    *watch.routes,
    *fleet.routes,
    *endpoints.routes,
    *access.routes,
    *clients.routes,
    *sessions.routes,
    *asks.routes,
    *actions.routes,
    *mandates.routes,
    *results.routes,
    *mig_api.routes,
    *mig_investigators_api.routes,
    *mig_loaders_api.routes,
    *trust.routes,
    *beneath.routes,
    *federate.routes,
    *reporters.routes,
    *maintenances.routes,
    *series.routes,
    *successor.routes,
    *events.routes,
    *events_write.routes,
    *templates.routes,
    *availability.routes,
    *notices.routes,
    *intake.routes,
    *validations.routes,
    *slo_values.routes,
    *objectives.routes,
    *deployments.routes,
    *delivery.routes,
    *causes.routes,
    *records.routes,
    *export_api.routes,
    *find_api.routes,
    *top_api.routes,
    *triage_api.routes,
    *knowledge_api.routes,
    *dashdotdb_api.routes,
    *dashdotdb_read_api.routes,
    *vulnerabilities.routes,
    *pods.routes,
)

"""The routes that change sites and keys, and the one that shows who changed what."""

from __future__ import annotations

from typing import Final

from mapsys.config.json_schema import json_schema, patch_of
from mapsys.config.sites import SITE
from mapsys.http import audit, provision
from mapsys.http.formats import LIST_MEDIA
from mapsys.http.problem import Problem
from mapsys.http.role import Role
from mapsys.http.route import IF_MATCH, KEY_ID, NAME, ONCE, PAGING, Route

_SITE: Final = json_schema(SITE, files=False)
_CHANGES: Final = patch_of(_SITE)
_WRITING: Final = (
    Problem.INVALID_SITE,
    Problem.PREFIX_TAKEN,
    Problem.MISPLACED,
    Problem.NO_MAP_SERVER,
    Problem.SECRET_IN_CLEAR,
    Problem.UNSUPPORTED_MEDIA,
    Problem.BODY_TOO_LARGE,
    Problem.NOT_DONE,
)
_CHANGING: Final = (
    Problem.UNKNOWN_SITE,
    Problem.OF_A_FILE,
    Problem.PRECONDITION_REQUIRED,
    Problem.STALE,
)

PROVISIONING: Final = (
    Route(
        "/api/v1/sites",
        provision.create_site,
        "Add a site to the database.",
        provision.WrittenView,
        method="POST",
        status=201,
        body_schema=_SITE,
        parameters=(ONCE,),
        problems=(*_WRITING, Problem.SITE_EXISTS, Problem.KEY_REUSED),
        role=Role.ADMIN,
    ),
    Route(
        "/api/v1/sites/{name}",
        provision.replace_site,
        "Put another site in the place of one of the database; `***` keeps a secret.",
        provision.WrittenView,
        method="PUT",
        body_schema=_SITE,
        parameters=(NAME, IF_MATCH),
        problems=(*_WRITING, *_CHANGING),
        role=Role.ADMIN,
    ),
    Route(
        "/api/v1/sites/{name}",
        provision.amend_site,
        "Change some settings of a site of the database, such as `override`; null removes one.",
        provision.WrittenView,
        method="PATCH",
        body_schema=_CHANGES,
        parameters=(NAME, IF_MATCH),
        problems=(*_WRITING, *_CHANGING),
        role=Role.ADMIN,
    ),
    Route(
        "/api/v1/sites/{name}",
        provision.delete_site,
        "Take a site out of the database, with what it has registered.",
        method="DELETE",
        status=204,
        parameters=(NAME, IF_MATCH),
        problems=(*_CHANGING, Problem.NO_MAP_SERVER, Problem.NOT_DONE),
        role=Role.ADMIN,
    ),
    *(
        Route(
            f"/api/v1/keys/{{name}}/{{key_id}}/{kind}",
            handler,
            summary,
            provision.RotatedView,
            method="POST",
            body=body,
            parameters=(NAME, KEY_ID),
            problems=(
                Problem.UNKNOWN_SITE,
                Problem.UNKNOWN_KEY,
                Problem.OF_A_FILE,
                Problem.ROTATION_UNDER_WAY if kind == "rotate" else Problem.NO_ROTATION,
                *_WRITING,
            ),
            role=Role.ADMIN,
        )
        for kind, handler, summary, body in (
            (
                "rotate",
                provision.rotate_key,
                "Put a next secret beside a key's own; both are accepted.",
                provision.RotateBody,
            ),
            ("finish", provision.finish_rotation, "The next secret takes over.", None),
            ("abort", provision.abort_rotation, "The next secret is dropped.", None),
        )
    ),
    Route(
        "/api/v1/audit",
        audit.audit,
        "Who changed what, the newest first.",
        rows=audit.AuditView,
        media=LIST_MEDIA,
        parameters=PAGING,
        problems=(Problem.BAD_CURSOR, Problem.NOT_ACCEPTABLE),
        asks_daemon=False,
        role=Role.ADMIN,
    ),
)

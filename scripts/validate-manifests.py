"""Reads resources of Kubernetes from stdin, a JSON array, and prints what is wrong with each: null, or a reason."""

import json
import sys

import kubernetes_validate
from cloudcoil.models.keda import v1alpha1 as keda

VERSION = kubernetes_validate.latest_version()


def wrong(resource):
    if resource["apiVersion"] != "keda.sh/v1alpha1":
        kubernetes_validate.validate(resource, VERSION, strict=True)
        return None
    model = getattr(keda, resource["kind"]).model_validate(resource)
    # Unknown fields are left out, as Kubernetes does with those of custom resources.
    known = model.model_dump(by_alias=True, exclude_unset=True, mode="json")
    return None if known == resource else f"fields that KEDA does not know, beside {json.dumps(known)}"


def reason(resource):
    try:
        return wrong(resource)
    except Exception as error:  # noqa: BLE001: whatever the libraries raise
        return str(error)


json.dump([reason(resource) for resource in json.load(sys.stdin)], sys.stdout)

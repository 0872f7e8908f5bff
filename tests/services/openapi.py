"""Is the document that the gateway serves OpenAPI 3.1? Asked of a validator that shares nothing with it."""
import json
import sys

from openapi_spec_validator import OpenAPIV31SpecValidator

faults = list(OpenAPIV31SpecValidator(json.load(sys.stdin)).iter_errors())
for fault in faults:
    print(fault.message, list(fault.absolute_path))
print(len(faults), "faults")
sys.exit(bool(faults))

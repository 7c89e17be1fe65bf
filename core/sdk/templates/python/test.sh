#!/bin/sh
# Does the backend keep the contract of inferbench/backend.h?
cd "$(dirname "$0")" && exec inferbench conformance python --option module=./backend.py --precision fp32 "$@"

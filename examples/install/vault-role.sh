#!/bin/sh
# Lets the provider's ServiceAccount log in to Vault. Run with VAULT_ADDR and VAULT_TOKEN of an
# administrator; the kubernetes auth method must be enabled and configured.
set -eu
cd "$(dirname "$0")"
vault policy write provider-tenancy vault-policy.hcl
vault write auth/kubernetes/role/provider-tenancy \
  bound_service_account_names=provider-tenancy \
  bound_service_account_namespaces=crossplane-system \
  audience=vault \
  token_policies=provider-tenancy \
  token_ttl=1h

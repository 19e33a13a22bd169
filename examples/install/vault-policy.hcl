# What the provider may do in Vault: write database credentials and the marks of their owners.
path "secret/data/infrastructure/databases/*" {
  capabilities = ["create", "read", "update", "patch", "delete"]
}
path "secret/metadata/infrastructure/databases/*" {
  capabilities = ["create", "read", "update", "patch", "delete"]
}
path "secret/delete/infrastructure/databases/*" {
  capabilities = ["update"]
}
path "secret/destroy/infrastructure/databases/*" {
  capabilities = ["update"]
}

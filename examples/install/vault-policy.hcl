# What the provider may do in Vault: write database credentials and the marks of their owners. It needs
# nothing beyond this and Vault's own policy "default".
path "secret/data/infrastructure/databases/*" {
  capabilities = ["create", "read", "update"]
}
# "delete" is needed for the deletion policy Purge only.
path "secret/metadata/infrastructure/databases/*" {
  capabilities = ["read", "patch", "delete"]
}
path "secret/delete/infrastructure/databases/*" {
  capabilities = ["update"]
}
# Needed for the deletion policy Destroy only.
path "secret/destroy/infrastructure/databases/*" {
  capabilities = ["update"]
}

# What the provider needs beyond vault-policy.hcl to manage policies, mounts and auth methods. Add it only
# where these kinds are used, and only for the names they may have: who may write every policy may do
# everything. Here all names begin with vcluster-, as those of the claim VirtualCluster
# do, and secrets engines lie below team/.

# Policy
path "sys/policies/acl/vcluster-*" {
  capabilities = ["create", "read", "update", "delete"]
}

# Mount: "delete" is needed for the deletion policy Delete only.
path "sys/mounts" {
  capabilities = ["read"]
}
path "sys/mounts/team/*" {
  capabilities = ["create", "update", "delete"]
}

# AuthMount
path "sys/auth" {
  capabilities = ["read"]
}
path "sys/auth/vcluster-*" {
  capabilities = ["create", "update", "delete", "sudo"]
}

# KubernetesAuthConfig, JWTAuthConfig, KubernetesAuthRole, JWTAuthRole: "list" is needed only to tell of roles
# that let in the same.
path "auth/vcluster-*" {
  capabilities = ["create", "read", "update", "delete", "list"]
}

# The credentials of clusters, as the claim VirtualCluster registers them.
path "secret/data/clusters/*" {
  capabilities = ["create", "read", "update"]
}
path "secret/metadata/clusters/*" {
  capabilities = ["read", "patch"]
}
path "secret/delete/clusters/*" {
  capabilities = ["update"]
}
path "secret/data/ci-cd/argocd/cluster-credentials/*" {
  capabilities = ["create", "read", "update"]
}
path "secret/metadata/ci-cd/argocd/cluster-credentials/*" {
  capabilities = ["read", "patch"]
}
path "secret/delete/ci-cd/argocd/cluster-credentials/*" {
  capabilities = ["update"]
}

//! `VirtualCluster` claims from their YAML to running clusters that Vault knows, and to nothing left of
//! them, as pods under Crossplane's own RBAC and the roles in `examples/install/`.

mod delivery;
mod faults;
mod isolation;
mod lifecycle;
mod team;

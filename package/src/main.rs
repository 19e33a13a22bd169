//! `cargo xtask`: the repository's own build commands.

fn main() -> anyhow::Result<()> {
    anyhow::bail!("no command given")
}

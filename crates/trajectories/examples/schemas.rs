//! Prints the descriptions of the archive's tables, a JSON list of [path below `schemas/`, document]; `cargo xtask
//! schemas` writes them.

fn main() -> anyhow::Result<()> {
    println!("{}", serde_json::to_string_pretty(&trajectories::schema::documents())?);
    Ok(())
}

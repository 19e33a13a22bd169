//! Where a story about managed resources plays: the testbed with the product installed, and the story's turn on it.
//!
//! The product is brought up to date once per test program, while no story runs. With
//! `TESTBED_PRODUCT=keep` in the environment what is installed stays as it is.

use std::ops::Deref;

use tokio::sync::OnceCell;

use crate::{Testbed, Turn, product};

/// A turn on the testbed with the product.
pub struct Scene {
    testbed: Testbed,
    _turn: Turn,
}

impl Scene {
    /// Beside other stories.
    pub async fn beside_others() -> anyhow::Result<Self> {
        let testbed = prepared().await?;
        let turn = Turn::beside_others(&testbed).await?;
        Ok(Self {
            testbed,
            _turn: turn,
        })
    }

    /// With the testbed to itself.
    pub async fn alone() -> anyhow::Result<Self> {
        let testbed = prepared().await?;
        let turn = Turn::alone(&testbed).await?;
        Ok(Self {
            testbed,
            _turn: turn,
        })
    }
}

impl Deref for Scene {
    type Target = Testbed;

    fn deref(&self) -> &Testbed {
        &self.testbed
    }
}

async fn prepared() -> anyhow::Result<Testbed> {
    static INSTALLED: OnceCell<()> = OnceCell::const_new();
    let testbed = Testbed::shared().await?;
    INSTALLED.get_or_try_init(|| install(&testbed)).await?;
    Ok(testbed)
}

/// Whether what is installed is to stay as it is.
pub(crate) fn is_product_kept() -> bool {
    std::env::var_os("TESTBED_PRODUCT").is_some_and(|wish| wish == "keep")
}

async fn install(testbed: &Testbed) -> anyhow::Result<()> {
    if is_product_kept() {
        return Ok(());
    }
    let _turn = Turn::alone(testbed).await?;
    product::install(testbed, product::flavour(testbed).await?).await
}

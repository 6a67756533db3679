//! The user name and password that all sites share, as the primary keeps them: the present ones, and those from before
//! the last change until they are retired, so that changing them locks nobody out (DESIGN 7). Checking them is in `net`.

use serde::{Deserialize, Serialize};
use supplysync_model::{Fault, FaultCode, Reason};
use supplysync_net::credential::Credential;
use supplysync_store::{Notice, Queries, WriteTx};

/// The store's preference with the user name that all sites share; `init` sets it last.
pub const USER_NAME: &str = "credential.user_name";
/// The store's preference with the argon2 hash (PHC text) of the password that all sites share.
pub const PASSWORD_HASH: &str = "credential.password_hash";
/// The store's preference with those from before the last change, as JSON; empty when there are none.
const PREVIOUS: &str = "credential.previous";

/// What passes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// What sites are to show.
    pub present: Credential,
    /// What they may show still.
    pub previous: Option<Credential>,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    user_name: String,
    password_hash: String,
}

impl Credentials {
    /// As they are kept.
    pub async fn load(tx: &Queries) -> Result<Credentials, Fault> {
        let previous = tx.preference(PREVIOUS).await?.filter(|bytes| !bytes.is_empty());
        let previous: Option<Kept> = previous
            .map(|bytes| serde_json::from_slice(&bytes).map_err(Fault::internal))
            .transpose()?;
        Ok(Credentials {
            present: Credential {
                user_name: text(tx, USER_NAME).await?,
                password_hash: text(tx, PASSWORD_HASH).await?,
            },
            previous: previous.map(|kept| Credential {
                user_name: kept.user_name,
                password_hash: kept.password_hash,
            }),
        })
    }

    /// Keeps them.
    pub async fn save(&self, tx: &mut WriteTx) -> Result<(), Fault> {
        let previous = match &self.previous {
            Some(Credential {
                user_name,
                password_hash,
            }) => serde_json::to_vec(&Kept {
                user_name: user_name.clone(),
                password_hash: password_hash.clone(),
            })
            .map_err(Fault::internal)?,
            None => Vec::new(),
        };
        tx.set_preference(PREVIOUS, previous).await?;
        let present = self.present.clone();
        tx.set_preference(PASSWORD_HASH, present.password_hash.into_bytes())
            .await?;
        tx.set_preference(USER_NAME, present.user_name.into_bytes())
            .await?;
        tx.notify(Notice::Credentials);
        Ok(())
    }

    /// Others are to be shown from now on, and these may be shown still. One change at a time: with a third that
    /// passes, nobody would know who is locked out by retiring.
    pub fn replaced(self, new: Credential) -> Result<Credentials, Fault> {
        if self.previous.is_some() {
            return Err(Fault::new(
                FaultCode::FailedPrecondition,
                Reason::PREVIOUS_CREDENTIAL_ACCEPTED,
                "user name and password from before the last change are accepted still: once every site has the new \
                 ones, retire the old with `prefs set accept-previous false`, then change them again",
            ));
        }
        Ok(Credentials {
            present: new,
            previous: Some(self.present),
        })
    }

    /// Every one that passes.
    pub fn accepted(self) -> Vec<Credential> {
        std::iter::once(self.present).chain(self.previous).collect()
    }
}

async fn text(tx: &Queries, key: &str) -> Result<String, Fault> {
    let bytes = tx.preference(key).await?.ok_or_else(|| {
        Fault::new(
            FaultCode::FailedPrecondition,
            Reason::DATABASE_NOT_INITIALISED,
            "`primary-svc init` was interrupted on this database: run it again, it goes on from where it was",
        )
    })?;
    String::from_utf8(bytes).map_err(Fault::internal)
}

//! Source accounts: AWS accounts whose events may request operations.

use slipway_model::account::AccountId;
use slipway_model::audit::{Action, Entry};
use slipway_model::source_account::SourceAccount;

use crate::configured::{Configured, Expected};
use crate::table::{Key, SOURCE_ACCOUNTS};
use crate::{Cursor, Error, Page, Store};

impl Store {
    /// Writes a source account, new or in place of the one of its id.
    pub async fn put_source_account(&self, account: &SourceAccount) -> Result<(), Error> {
        let key = Key::source_account(&account.account);
        self.put_configured("write a source account", &key, account, Expected::Anything, None)
            .await?;
        Ok(())
    }

    /// Likewise, if there is what is expected; its new revision, or `None`. `before` is what was there, for the audit log.
    pub async fn put_source_account_if(
        &self,
        account: &SourceAccount,
        before: Option<&SourceAccount>,
        expected: Expected,
        by: &str,
    ) -> Result<Option<u64>, Error> {
        let key = Key::source_account(&account.account);
        let entry = Entry::new(
            by,
            Action::PutSourceAccount,
            format!("source-account/{}", account.account),
        )
        .with_change(before.and_then(json), json(account), |_| false);
        self.put_configured("write a source account", &key, account, expected, Some(entry))
            .await
    }

    /// Deletes a source account; whether it was there as expected.
    pub async fn delete_source_account(
        &self,
        account: &AccountId,
        before: Option<&SourceAccount>,
        expected: Expected,
        by: &str,
    ) -> Result<bool, Error> {
        let entry = Entry::new(by, Action::DeleteSourceAccount, format!("source-account/{account}")).with_change(
            before.and_then(json),
            None,
            |_| false,
        );
        let key = Key::source_account(account);
        self.delete_configured("delete a source account", key, expected, entry)
            .await
    }

    /// The source account, or [`Error::NotFound`].
    pub async fn source_account(&self, account: &AccountId) -> Result<SourceAccount, Error> {
        self.configured_source_account(account).await?.record
    }

    /// The source account with its revision, and also where it cannot be read; or [`Error::NotFound`].
    pub async fn configured_source_account(&self, account: &AccountId) -> Result<Configured<SourceAccount>, Error> {
        let key = Key::source_account(account);
        self.configured(&key, || format!("source account {account}")).await
    }

    /// The source accounts, by id.
    pub async fn source_accounts(
        &self,
        limit: u16,
        cursor: Option<&Cursor>,
    ) -> Result<Page<Configured<SourceAccount>>, Error> {
        self.configured_page(SOURCE_ACCOUNTS, limit, cursor).await
    }
}

/// A record as the audit log compares it.
fn json(account: &SourceAccount) -> Option<serde_json::Value> {
    serde_json::to_value(account).ok()
}

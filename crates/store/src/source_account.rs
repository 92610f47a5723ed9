//! Source accounts: AWS accounts whose events may request operations.

use slipway_model::account::AccountId;
use slipway_model::source_account::SourceAccount;

use crate::configured::{Configured, Expected};
use crate::table::{Key, SOURCE_ACCOUNTS};
use crate::{Cursor, Error, Page, Store};

impl Store {
    /// Writes a source account, new or in place of the one of its id.
    pub async fn put_source_account(&self, account: &SourceAccount) -> Result<(), Error> {
        self.put_source_account_if(account, Expected::Anything).await?;
        Ok(())
    }

    /// Likewise, where there is what is expected; its new revision, or `None`.
    pub async fn put_source_account_if(
        &self,
        account: &SourceAccount,
        expected: Expected,
    ) -> Result<Option<u64>, Error> {
        let key = Key::source_account(&account.account);
        self.put_configured("write a source account", &key, account, expected)
            .await
    }

    /// Deletes a source account; whether it was there as expected.
    pub async fn delete_source_account(&self, account: &AccountId, expected: Expected) -> Result<bool, Error> {
        self.delete_configured("delete a source account", Key::source_account(account), expected)
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

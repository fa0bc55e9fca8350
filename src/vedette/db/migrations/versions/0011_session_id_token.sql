-- The provider's ID token of a browser's session, under a seal of the cookie key: signing out at the provider
-- reminds it of whom it let in. NULL: an account for emergencies, a command line, or a token too long for that.
ALTER TABLE access.session ADD COLUMN id_token bytea;

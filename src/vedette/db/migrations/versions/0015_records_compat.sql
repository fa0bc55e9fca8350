-- What of records is shown as Dash.DB shows it: one row, as the settings of the server say that was started last.

CREATE TABLE records.compat (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    latest_per_scope boolean NOT NULL
);

-- complete_at: when the newest snapshot was opened that was all there is of the cluster; NULL is none was.
ALTER TABLE records.latest ADD COLUMN complete_at timestamptz;

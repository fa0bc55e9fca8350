-- A hundred thousand new packages and advisories arrive at once, and each index costs what the row does.

-- The key holds the name: beside it, it is as unique as alone, and packages are found by either.
ALTER TABLE records.package DROP CONSTRAINT package_key_key;
DROP INDEX records.package_name;
CREATE UNIQUE INDEX package_name ON records.package (name, key);

-- Most advisories are called as what they are about, and found by that: here are the others.
DROP INDEX records.advisory_name;
CREATE INDEX advisory_name ON records.advisory (name) WHERE name <> identity;

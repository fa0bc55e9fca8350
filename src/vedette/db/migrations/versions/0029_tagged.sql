-- Two tags of one name are two images: under the name alone, each look at one closed what the other held.
DROP INDEX records.subject_name;
CREATE UNIQUE INDEX subject_name ON records.subject (kind, name, tag) WHERE digest = '';

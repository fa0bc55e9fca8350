-- Which measurements of its targets a component's public page draws, each as `NAME`, `NAME/ENTITY` or either with
-- ` = what the public calls it`. The attribute `publish` names them, parted by commas; without it there are none.
ALTER TABLE fleet.component ADD COLUMN published text[] NOT NULL GENERATED ALWAYS AS (
    array_remove(regexp_split_to_array(btrim(coalesce(attributes ->> 'publish', '')), '\s*,\s*'), '')) STORED;

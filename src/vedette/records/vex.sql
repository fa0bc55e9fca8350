-- name: keep
-- Returns (what, names): statements that were added and that left, are the same, or came too late.
WITH given AS MATERIALIZED (
    SELECT g.document, g.source, g.author, string_to_array(nullif(g.names, ''), E'\n') AS names,
        coalesce(string_to_array(nullif(g.products, ''), E'\n'), '{}') AS products,
        coalesce(string_to_array(nullif(g.components, ''), E'\n'), '{}') AS components,
        coalesce(string_to_array(nullif(g.product_keys, ''), E'\n'), '{}') AS product_keys,
        coalesce(string_to_array(nullif(g.component_keys, ''), E'\n'), '{}') AS component_keys,
        g.status, g.justification, g.impact, g.action, g.at
    FROM unnest(
        %(documents)b::text[], %(sources)b::text[], %(authors)b::text[], %(names)b::text[],
        %(products)b::text[], %(components)b::text[], %(product_keys)b::text[],
        %(component_keys)b::text[], %(statuses)b::text[], %(justifications)b::text[],
        %(impacts)b::text[], %(actions)b::text[], %(times)b::timestamptz[]
    ) AS g (
        document, source, author, names, products, components, product_keys, component_keys, status,
        justification, impact, action, at)
), document AS MATERIALIZED (
    SELECT g.document, max(g.at) >= coalesce(
        (SELECT max(s.at) FROM records.statement AS s WHERE s.document = g.document), '-infinity') AS is_new
    FROM given AS g
    GROUP BY 1
), held AS MATERIALIZED (
    SELECT s.*
    FROM records.statement AS s
    WHERE s.document IN (SELECT document FROM document WHERE is_new)
), same AS MATERIALIZED (
    SELECT h.id, md5((h.document, h.source, h.author, h.names, h.products, h.components, h.status,
        h.justification, h.impact, h.action, h.at)::text) AS digest
    FROM held AS h
), wanted AS MATERIALIZED (
    SELECT g.*, md5((g.document, g.source, g.author, g.names, g.products, g.components, g.status,
        g.justification, g.impact, g.action, g.at)::text) AS digest
    FROM given AS g
    JOIN document AS d ON d.document = g.document AND d.is_new
), left_out AS (
    DELETE FROM records.statement
    WHERE id IN (SELECT id FROM same WHERE digest NOT IN (SELECT digest FROM wanted))
    RETURNING names
), added AS (
    INSERT INTO records.statement (
        document, source, author, names, products, components, product_keys, component_keys, status,
        justification, impact, action, at, loaded_at)
    SELECT document, source, author, names, products, components, product_keys, component_keys, status,
        justification, impact, action, at, %(now)s
    FROM wanted
    WHERE digest NOT IN (SELECT digest FROM same)
    RETURNING names
)
SELECT 'added' AS what, names FROM added
UNION ALL
SELECT 'left', names FROM left_out
UNION ALL
SELECT 'same', names FROM wanted WHERE digest IN (SELECT digest FROM same)
UNION ALL
SELECT 'older', g.names
FROM given AS g
JOIN document AS d USING (document)
WHERE NOT d.is_new

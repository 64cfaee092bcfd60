/**
 * Whether a statement can leave something behind on its session: a setting, a temporary table, a lock. Known for free
 * from its text alone, and only where the text leaves no doubt: a plain query or write, without comments, user variables
 * or a second statement, that calls no function but those listed here. Everything else may leave something.
 */

/** Functions and keywords before a parenthesis that change nothing outside their statement. */
const harmless = new Set(
  (
    'abs any all array_agg array array_length as avg between bit_and bit_or by cast ceil ceiling char_length coalesce ' +
    'concat concat_ws count cume_dist current_date current_timestamp date date_add date_format date_part date_sub ' +
    'date_trunc datediff dense_rank distinct else except exists extract filter first_value floor from_unixtime ' +
    'gen_random_uuid generate_series greatest group_concat having if ifnull in intersect interval is join ' +
    'json_agg json_array json_arrayagg json_build_array json_build_object json_contains json_extract json_object ' +
    'json_objectagg json_table json_unquote json_value jsonb_agg jsonb_array_elements jsonb_build_array ' +
    'jsonb_build_object jsonb_set key lag last_insert_id last_value lateral lead least left length like limit ln ' +
    'localtimestamp log lower lpad ltrim make_date make_interval max md5 min mod month now ntile nullif on or order ' +
    'over and not octet_length partition percent_rank position pow power random rank regexp_replace repeat replace ' +
    'returning right round row row_number rpad rtrim select set sign split_part sqrt stddev string_agg substr substring ' +
    'sum then timestampdiff to_char to_date to_json to_jsonb to_number to_timestamp trim trunc union unnest upper using ' +
    'uuid values variance when where with within year materialized char varchar decimal numeric only rollup cube'
  ).split(' '),
)

const plain = /^\s*(?:select|insert|update|delete|with|values|replace)\b/i
const boundary = /^\s*(?:savepoint|release|rollback to)\b[^;]*$/i
const doubtful = /--|\/\*|[#@;]|\binto\s+(?:temp|unlogged|outfile|dumpfile|strict)|\btemp(?:orary)?\b|\bpg_temp/i
const selectInto = /^\s*(?:select|with)\b.*\binto\b/is
/** The columns of an INSERT, which look like the call of a function. */
const insertColumns = /^(\s*(?:insert|replace)\s+(?:ignore\s+)?into\s+[\w."`]+)\s*\(/i
const call = /([\p{L}\p{N}_$]+|["`])\s*\(/gu

/** Whether a statement's text leaves open that it changes the session it runs on. */
export function mayLeaveState(sql: string): boolean {
  if (boundary.test(sql)) return false
  if (!plain.test(sql) || doubtful.test(sql) || selectInto.test(sql)) return true
  for (const [, name] of sql.replace(insertColumns, '$1 values (').matchAll(call)) {
    if (name !== undefined && !harmless.has(name.toLowerCase())) return true
  }
  return false
}

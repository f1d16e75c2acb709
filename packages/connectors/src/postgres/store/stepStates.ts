/** What steps keep from run to run. */
import type { StepPlace, StepState } from "@deltaflow/core/store"
import type { Query } from "../hosts/Query.ts"
import { decodeText, encodeText } from "./texts.ts"

const PLACE = "pipeline = $1::text AND destination = $2::text"

const placeOf = ({ pipeline, destination }: StepPlace): ReadonlyArray<string> => [encodeText(pipeline), encodeText(destination)]

/** Texts as one parameter. */
const list = (texts: ReadonlyArray<string>): string => JSON.stringify(texts.map(encodeText))

/** The texts of parameter `index`, each with its place. */
const listed = (index: number): string => `json_array_elements_text($${index}::json) WITH ORDINALITY`

export const getStepStates = async (
  query: Query,
  place: StepPlace,
  keys: ReadonlyArray<string>,
): Promise<ReadonlyArray<string | undefined>> => {
  const rows = await query(
    `SELECT newest.value::text AS value FROM ${listed(3)} AS wanted (key, place)
     LEFT JOIN LATERAL (SELECT value FROM step_states WHERE ${PLACE} AND key = wanted.key ORDER BY version DESC LIMIT 1) AS newest ON true
     ORDER BY wanted.place`,
    [...placeOf(place), list(keys)],
  )
  return rows.map(({ value }) => (value === null || value === undefined ? undefined : decodeText(value)))
}

export const lastStepVersion = async (query: Query, place: StepPlace): Promise<number> => {
  const [row] = await query(`SELECT coalesce(max(version), 0)::text AS last FROM step_states WHERE ${PLACE}`, placeOf(place))
  return Number(row!["last"])
}

export const saveStepStates = async (query: Query, place: StepPlace, version: number, states: ReadonlyArray<StepState>): Promise<true> => {
  await query(
    `INSERT INTO step_states (pipeline, destination, key, version, value)
     SELECT $1::text, $2::text, keys.text, $3::bigint, vals.text
     FROM ${listed(4)} AS keys (text, place) JOIN ${listed(5)} AS vals (text, place) ON keys.place = vals.place
     ON CONFLICT (pipeline, destination, key, version) DO UPDATE SET value = excluded.value`,
    [...placeOf(place), String(version), list(states.map(({ key }) => key)), list(states.map(({ value }) => value))],
  )
  return true
}

export const pruneStepStates = async (query: Query, place: StepPlace, from: number, to: number): Promise<true> => {
  await query(`DELETE FROM step_states WHERE ${PLACE} AND version < $3::bigint`, [...placeOf(place), String(from)])
  await query(`DELETE FROM step_states WHERE ${PLACE} AND version > $3::bigint`, [...placeOf(place), String(to)])
  await query(
    `DELETE FROM step_states WHERE ${PLACE} AND version < $3::bigint
     AND key IN (SELECT key FROM step_states WHERE ${PLACE} AND version = $3::bigint)`,
    [...placeOf(place), String(to)],
  )
  return true
}

/**
 * How Holdfast does with large configurations, in real processes. Prints figures, asserts nothing.
 * `node bench/scale.ts [memory|load|churn …]`; all of them without a name, about 15 minutes.
 */
import { benchChurn } from './scale/churn.ts'
import { benchLoad } from './scale/load.ts'
import { benchMemory } from './scale/memory.ts'

const BENCHES: Readonly<Record<string, () => Promise<void>>> = {
  memory: benchMemory,
  load: benchLoad,
  churn: benchChurn,
}

const wanted = process.argv.slice(2)
for (const name of wanted.length > 0 ? wanted : Object.keys(BENCHES)) {
  const bench = BENCHES[name]
  if (bench === undefined)
    throw new Error(`no such part: ${name}; there are ${Object.keys(BENCHES)}`)
  await bench()
}

import { ConfigState } from '../../src/model/config-state.ts'
import { ServingConfig } from '../../src/primary/serving-config.ts'

/** The one right configuration of each revision: all of its objects depend on it. */
export async function configAt(revision: number, routes = 100): Promise<ServingConfig> {
  const state = new ConfigState('default', { epoch: 'chaos', revision })
  for (let n = 0; n < routes; n++) {
    const nodes = { [`10.0.0.${n % 250}:${8000 + (revision % 1000)}`]: 1 }
    const upstream = { type: 'roundrobin', nodes }
    state.load('routes', { id: `${n}`, uri: `/revision-${revision}/${n}`, upstream })
  }
  return ServingConfig.build(state)
}

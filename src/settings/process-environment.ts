import type { SettingName } from './catalogue.ts'

/** Environment for a child of the same binary: our own, with these settings in place of ours. */
export function childEnvironment(settings: Partial<Record<SettingName, string>>) {
  return { ...process.env, ...settings }
}

/** True when `npm start`, or another script of npm, runs this process. */
export function isRunByNpm(): boolean {
  return process.env['npm_lifecycle_event'] !== undefined
}

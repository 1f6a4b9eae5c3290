import { execFile, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { access, cp, mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { temporaryFolder, until } from './stack.ts'

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url))
const SCRIPT = fileURLToPath(new URL('systemd-machine.sh', import.meta.url))
const CGROUPS = ['/sys/fs/cgroup', '/sys/fs/cgroup/systemd', '/sys/fs/cgroup/unified']
const PATH = 'PATH=/usr/sbin:/usr/bin:/sbin:/bin'
/** What any service may ask of a machine that runs systemd. */
const SANDBOX = [
  'User=nobody',
  'PrivateDevices=yes',
  'PrivateTmp=yes',
  'ProtectSystem=strict',
  'RestrictNamespaces=yes',
  'SystemCallFilter=@system-service',
]
const BOOT_DEADLINE_MS = 30_000
const run = promisify(execFile)

/** A systemd that runs for real, with Holdfast installed as docs/operations.md says. */
export interface SystemdMachine {
  /** Runs a command in it, as root; resolves to what it printed. Rejects when it fails. */
  run(command: string, ...args: string[]): Promise<string>
  /** A property of a unit (`systemctl show`). */
  property(unit: string, name: string): Promise<string>
  /** Sends a signal to the main process of a unit, from within. */
  signal(unit: string, signal: string): Promise<void>
}

/**
 * Boots it, with these files over its root (path from `/` on, contents); it ends with the test.
 * Undefined, with the reason as a diagnostic, where namespaces or systemd are not to be had.
 */
export async function startSystemdMachine(
  t: TestContext,
  files: Readonly<Record<string, string>>,
): Promise<SystemdMachine | undefined> {
  if (process.getuid?.() !== 0 || spawnSync('/lib/systemd/systemd', ['--version']).status !== 0) {
    t.diagnostic('needs root and systemd')
    return undefined
  }
  const folder = await temporaryFolder(t)
  for (const name of ['root', 'disk', 'files']) await mkdir(join(folder, name))
  await stageFiles(join(folder, 'files'), files)
  const dist = join(folder, 'dist')
  await run(process.execPath, [
    join(REPOSITORY, 'node_modules/typescript/bin/tsc'),
    ...['-p', REPOSITORY, '--noCheck', '--outDir', dist],
  ])
  const cgroups = await ownCgroups()
  const inCgroups = cgroups.map((path) => `echo $$ > ${path}/cgroup.procs`).join('; ')
  const namespaces = '--cgroup --pid --mount --uts --ipc --fork'
  const args = [folder, process.execPath, join(REPOSITORY, 'node_modules'), dist]
  const machine = spawn(
    'sh',
    ['-c', `${inCgroups}; exec unshare ${namespaces} sh ${SCRIPT} "$@"`, 'sh', ...args],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  let errors = ''
  machine.stderr.on('data', (chunk) => {
    errors += chunk
  })
  const ended = once(machine, 'exit')

  const enter = async (...command: string[]) => {
    const init = await initOf(machine.pid)
    if (init === undefined) throw new Error('systemd does not run')
    const flags = ['-t', init, '-m', '-p', '-u', '-i', '-C', '-r', '-w']
    const { stdout } = await run('nsenter', [...flags, 'env', '-i', PATH, ...command])
    return stdout.trim()
  }
  t.after(async () => {
    const init = await initOf(machine.pid)
    if (init !== undefined && !t.passed) t.diagnostic(await enter('journalctl', '-o', 'cat'))
    // With PID 1 goes all that it has started.
    if (init !== undefined) process.kill(Number(init), 'SIGKILL')
    else machine.kill('SIGKILL')
    await ended
    for (const path of cgroups) await removeCgroup(path)
  })
  const isUp = () =>
    enter('systemctl', 'is-system-running').then(
      () => true,
      ({ stdout }) => stdout?.trim() === 'degraded',
    )
  const booted = until(isUp, BOOT_DEADLINE_MS).then(
    () => true,
    () => false,
  )
  if (!(await Promise.race([booted, ended.then(() => false)]))) {
    t.diagnostic(`systemd does not boot here: ${errors.trim()}`)
    return undefined
  }
  const sandbox = SANDBOX.flatMap((property) => ['-p', property])
  const refusal = await enter('systemd-run', '--wait', '--quiet', ...sandbox, 'true').then(
    () => undefined,
    (error) => error,
  )
  if (refusal !== undefined) {
    t.diagnostic(`services can't be confined here: ${refusal.message}`)
    return undefined
  }
  await enter('systemd-sysusers')
  const property = (unit: string, name: string) =>
    enter('systemctl', 'show', `--property=${name}`, '--value', unit)
  return {
    run: enter,
    property,
    async signal(unit, signal) {
      await enter('kill', `-${signal}`, await property(unit, 'MainPID'))
    },
  }
}

/** Process id, out here, of the systemd that `unshare` has started. */
async function initOf(unshare: number | undefined): Promise<string | undefined> {
  const children = await readFile(`/proc/${unshare}/task/${unshare}/children`, 'utf8').catch(
    () => '',
  )
  const init = children.trim()
  const name = await readFile(`/proc/${init}/comm`, 'utf8').catch(() => '')
  return name.trim() === 'systemd' ? init : undefined
}

async function stageFiles(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  const units = join(folder, 'etc/systemd/system')
  await mkdir(units, { recursive: true })
  await cp(join(REPOSITORY, 'systemd'), units, { recursive: true })
  await mkdir(join(folder, 'usr/lib/sysusers.d'), { recursive: true })
  await cp(
    join(REPOSITORY, 'systemd/holdfast.sysusers.conf'),
    join(folder, 'usr/lib/sysusers.d/holdfast.conf'),
  )
  await mkdir(join(folder, 'opt/holdfast'), { recursive: true })
  await cp(join(REPOSITORY, 'package.json'), join(folder, 'opt/holdfast/package.json'))
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), text)
  }
}

/** A cgroup in each hierarchy that systemd uses. */
async function ownCgroups(): Promise<string[]> {
  const name = `holdfast-test-${process.pid}`
  const paths: string[] = []
  for (const hierarchy of CGROUPS) {
    const path = join(hierarchy, name)
    const isHierarchy = access(join(hierarchy, 'cgroup.procs'))
    const made = await isHierarchy
      .then(() => mkdir(path))
      .then(
        () => true,
        () => false,
      )
    if (made) paths.push(path)
  }
  return paths
}

/** With those that systemd made in it; they are empty only when the last process is gone. */
async function removeCgroup(path: string): Promise<void> {
  await until(async () => {
    await run('find', [path, '-depth', '-type', 'd', '-exec', 'rmdir', '{}', ';']).catch(() => {})
    return access(path).then(
      () => false,
      () => true,
    )
  })
}

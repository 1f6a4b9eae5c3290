import { JOBS, type JobInput, type JobName, type JobOutput } from './jobs.ts'

/** What piscina calls in its threads. */
export default function runJob<N extends JobName>({
  name,
  input,
}: {
  name: N
  input: JobInput<N>
}): JobOutput<N> {
  const job = JOBS[name] as (input: JobInput<N>) => JobOutput<N>
  return job(input)
}

import { Type } from '../../model/schema-builder.ts'

/** Fields that the authentication plugins have in common. */
export const hideCredentials = Type.Boolean({
  default: false,
  description: 'Keep the credentials from the node.',
})

export const anonymousConsumer = Type.Optional(
  Type.String({
    minLength: 1,
    description: 'Consumer that requests without valid credentials belong to; without it, 401.',
  }),
)

/** Printable ASCII without `"` and `\`: it stands in quotes in a field. */
export function realmField(scheme: string) {
  return Type.String({
    default: scheme,
    minLength: 1,
    maxLength: 128,
    pattern: '^[\\x20-\\x21\\x23-\\x5B\\x5D-\\x7E]+$',
    description: 'What the credentials are for, in `WWW-Authenticate`.',
  })
}

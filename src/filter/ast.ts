/** What a filter says, before anything is known about where its bytes are. */

import type { Token } from './lex.ts';

export type Direction = 'either' | 'src' | 'dst' | 'both';

/** What stands before an identifier, and what the next one without any inherits. */
export interface Qualifiers {
  /** '' when none is given. */
  readonly protocol: string;
  readonly direction: Direction;
  /** host, net, port, portrange, proto, protochain; '' when none is given: host. */
  readonly kind: string;
}

export interface Identifier {
  readonly token: Token;
  /** `10.0.0.0/8` */
  readonly prefix?: Token;
  /** `10.0.0.0 mask 255.0.0.0` */
  readonly mask?: Token;
}

export type Expression =
  | { readonly kind: 'and' | 'or'; readonly of: readonly Expression[] }
  | { readonly kind: 'not'; readonly of: Expression }
  | { readonly kind: 'identifier'; readonly qualifiers: Qualifiers; readonly id: Identifier }
  | { readonly kind: 'protocol'; readonly token: Token }
  | {
      readonly kind: 'relation';
      readonly operator: string;
      readonly left: Arithmetic;
      readonly right: Arithmetic;
    }
  | { readonly kind: 'group'; readonly protocol: string; readonly token: Token }
  | { readonly kind: 'length'; readonly operator: 'less' | 'greater'; readonly bytes: number }
  | { readonly kind: 'encapsulation'; readonly token: Token; readonly id: Token | null }
  | { readonly kind: 'pppoed'; readonly token: Token }
  | { readonly kind: 'llc'; readonly type: Token | null };

export type Arithmetic =
  | { readonly kind: 'constant'; readonly value: number }
  | { readonly kind: 'length' }
  | { readonly kind: 'load'; readonly protocol: Token; readonly index: Arithmetic; readonly size: Token | null }
  | { readonly kind: 'negate'; readonly of: Arithmetic }
  | {
      readonly kind: 'binary';
      readonly operator: Token;
      readonly left: Arithmetic;
      readonly right: Arithmetic;
    };

/** What reads see of earlier writes, by Milvus' names: https://milvus.io/docs/consistency.md */
export const CONSISTENCY = {
  strong: 'Strong',
  session: 'Session',
  bounded: 'Bounded',
  eventually: 'Eventually',
} as const;

export type MilvusConsistency = keyof typeof CONSISTENCY;

export const CONSISTENCY_LEVELS = Object.keys(CONSISTENCY) as MilvusConsistency[];

/** How a model's weights are stored. `'q8'` is another name of `'int8'`. */
export const DTYPES = ['auto', 'fp32', 'fp16', 'int8', 'q8', 'uint8', 'q4', 'q4f16', 'bnb4'] as const;
export type Dtype = (typeof DTYPES)[number];

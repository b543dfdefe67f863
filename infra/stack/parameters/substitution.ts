/** An intrinsic function of CloudFormation. */
export type Substitution = { 'Fn::Sub': string };

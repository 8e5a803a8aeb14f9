/** A maintainer says who else is in the team. */
export type TeamRole = 'maintainer' | 'member';

/** A group of members of one organization. */
export type Team = {
  id: string;
  orgId: string;
  name: string;
  description: string;
  /** How many are in it. */
  members: number;
  version: number;
  createdAt: Date;
  updatedAt: Date;
};

export type TeamMember = { userId: string; name: string; email: string | null; role: TeamRole; createdAt: Date };

/** A team as somebody in it sees it. */
export type TeamOf = { team: Team; role: TeamRole };

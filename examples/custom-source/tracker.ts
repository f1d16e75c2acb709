/** Stands for a service that gives pages of issues, oldest first. */
const issues = Array.from({ length: 7 }, (_, i) => ({ id: i + 1, title: `Issue ${i + 1}` }))

export const issuesAfter = async (id: number, size = 3): Promise<ReadonlyArray<(typeof issues)[number]>> =>
  issues.filter((issue) => issue.id > id).slice(0, size)

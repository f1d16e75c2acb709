/** `0.3s`, `4m 05s`, `2h 10m`. */
export const shownDuration = (milliseconds: number | undefined): string => {
  if (milliseconds === undefined) return ""
  const seconds = Math.floor(milliseconds / 1000)
  if (seconds < 60) return `${(milliseconds / 1000).toFixed(1)}s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes}m ${two(seconds % 60)}s`
  return `${Math.floor(minutes / 60)}h ${two(minutes % 60)}m`
}

const two = (value: number): string => String(value).padStart(2, "0")

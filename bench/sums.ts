/** What W5a gives of users that came with their posts. */
export function viewsOf(users: Iterable<{ readonly posts: Iterable<{ readonly views: number }> }>): number {
  let sum = 0
  for (const { posts } of users) for (const { views } of posts) sum += views
  return sum
}

/** What W5b gives of users whose posts came with their tags. */
export function viewsAndTagsOf<Post extends { readonly views: number }>(
  users: Iterable<{ readonly posts: Iterable<Post> }>,
  tagsOf: (post: Post) => Iterable<{ readonly id: number }>,
): number {
  let sum = 0
  for (const { posts } of users) {
    for (const post of posts) {
      sum += post.views
      for (const { id } of tagsOf(post)) sum += id
    }
  }
  return sum
}

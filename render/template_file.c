/* Files that templates name. Whatever the path looks like, only files of the tree are read: a path is made clean as text
 * and then opened through the tree, which refuses links that leave it. */
#include "render/template.h"

struct tree_content {
	const struct cluster *reader; /* the last one */
	bool is_there;
	enum fail_code code; /* why not */
	struct span bytes, problem;
};

static struct tree_content *read_path(struct build *build, struct span path)
{
	void **place = map_at(&build->files, path);
	if (*place != NULL)
		return *place;
	struct tree_content *content = ARENA_NEW(build->arena, struct tree_content);
	struct fail fail = {.code = FAIL_NOT_FOUND, .text = "no such file"};
	*place = content;
	content->is_there = build->tree->read != NULL &&
			    build->tree->read(build->tree->ctx, path, &content->bytes, &fail);
	if (!content->is_there) {
		content->code = fail.code;
		content->problem = arena_copy(build->arena, span_of(fail.text));
	}
	return content;
}

struct span template_source(struct template *template, struct span file)
{
	const struct tree_content *content = read_path(template->build, file);
	return content->is_there ? content->bytes : SPAN("");
}

static void note_reader(struct template *template, const struct template_doc *doc, struct tree_content *content, struct span path)
{
	struct fleet *fleet = template->build->fleet;
	if (fleet->options.stream || content->reader == template->cluster)
		return;
	content->reader = template->cluster;
	ARENA_PUSH(fleet->arena, fleet->reads, fleet->read_count, fleet->read_cap) = (struct fleet_read){doc->document->file, path};
}

static bool is_readable_path(struct span file)
{
	return file.len > 0 && memchr(file.ptr, '\0', file.len) == NULL && !span_ends(file, "/") &&
	       !span_ends(file, "/.") && !span_ends(file, "/..") && !span_is(file, ".") && !span_is(file, "..");
}

static struct span directory_of(struct span path)
{
	size_t len = path.len;
	while (len > 0 && path.ptr[len - 1] != '/')
		len--;
	return (struct span){path.ptr, len == 0 ? 0 : len - 1};
}

struct search {
	struct span bases[2];
	size_t base_count;
	const struct node *base_node; /* spec.templateRoot */
};

static struct search where_to_look(const struct template *template, const struct template_doc *doc)
{
	struct search search = {.base_count = 1};
	if (!template->is_plain) {
		search.base_node = node_path(&template->cluster->head->root, "spec.templateRoot");
		search.bases[0] = node_text(search.base_node);
		return search;
	}
	search.bases[0] = directory_of(doc->document->file);
	search.bases[1] = SPAN("");
	search.base_count = search.bases[0].len == 0 ? 1 : 2;
	return search;
}

struct finding {
	struct span path[2];
	const struct tree_content *content[2];
	size_t count;		   /* clean paths */
	size_t found;		   /* of them there */
	const struct tree_content *best; /* the first that is there, or the first problem other than absence */
	struct span best_path;
};

static void look(struct template *template, const struct template_doc *doc, const struct search *search, struct span file,
		 struct finding *out)
{
	struct arena *arena = template->build->arena;
	for (size_t i = 0; i < search->base_count; i++) {
		struct span path;
		if (!tree_resolve(arena, search->bases[i], file, &path))
			continue;
		if (out->count == 1 && span_eq(out->path[0], path))
			continue;
		struct tree_content *content = read_path(template->build, path);
		note_reader(template, doc, content, path);
		out->path[out->count] = path;
		out->content[out->count++] = content;
		out->found += content->is_there;
		bool is_better = out->best == NULL || (content->is_there && !out->best->is_there) ||
				 (!out->best->is_there && out->best->code == FAIL_NOT_FOUND &&
				  content->code != FAIL_NOT_FOUND);
		if (is_better) {
			out->best = content;
			out->best_path = path;
		}
	}
}

static void report_outside(const struct template_doc *doc, const struct node *node, const struct field_path *path,
			   struct span file, const struct search *search)
{
	struct diag *diag;
	if (span_starts(search->bases[0], "/")) {
		diag = diag_error(&doc->at, "FileOutside", node, PATH_TEXT(path),
				  "\"%.*s\" cannot be read: spec.templateRoot \"%.*s\" is an absolute path", SPAN_ARG(file),
				  SPAN_ARG(search->bases[0]));
		diag_hint(&doc->at, diag, "templateRoot is relative to the root of the repository, for example \".\"");
		return;
	}
	diag = diag_error(&doc->at, "FileOutside", node, PATH_TEXT(path), "\"%.*s\" is not inside the repository",
			  SPAN_ARG(file));
	diag_hint(&doc->at, diag, "only files of the repository can be used, by a relative path");
}

static void report_missing(const struct template_doc *doc, const struct node *node, const struct field_path *path,
			   struct span file, const struct finding *finding)
{
	if (finding->best->code != FAIL_NOT_FOUND) {
		struct diag *diag = diag_error(&doc->at, finding->best->code == FAIL_INVALID ? "FileOutside" : "FileUnreadable",
					       node, PATH_TEXT(path), "\"%.*s\" cannot be read: %.*s", SPAN_ARG(file),
					       SPAN_ARG(finding->best->problem));
		if (finding->best->code == FAIL_INVALID)
			diag_hint(&doc->at, diag, "only files of the repository can be used; links must not leave it");
		return;
	}
	struct diag *diag = diag_error(&doc->at, "FileNotFound", node, PATH_TEXT(path), "there is no file \"%.*s\"",
				       SPAN_ARG(file));
	if (finding->count == 2)
		diag_hint(&doc->at, diag, "looked for %.*s and %.*s", SPAN_ARG(finding->path[0]),
			  SPAN_ARG(finding->path[1]));
	else
		diag_hint(&doc->at, diag, "looked for %.*s", SPAN_ARG(finding->path[0]));
}

static void keep_file(struct template *template, struct span name, struct span path, struct span bytes)
{
	struct cluster *cluster = template->cluster;
	if (template->build->fleet->options.stream)
		return;
	for (size_t i = 0; i < cluster->file_count; i++)
		if (span_eq(cluster->files[i].path, path))
			return;
	ARENA_PUSH(template->build->arena, cluster->files, cluster->file_count, cluster->file_cap) =
		(struct cluster_file){name, path, bytes};
}

bool template_read_file(struct template *template, const struct template_doc *doc, const struct node *node,
			const struct field_path *path, struct span file, struct span *out_path,
			struct span *out_bytes)
{
	struct finding finding = {0};
	if (!template->is_plain && template->cluster->head == NULL)
		return false;
	struct search search = where_to_look(template, doc);
	if (!is_readable_path(file)) {
		struct diag *diag = diag_error(&doc->at, "InvalidPath", node, PATH_TEXT(path), "this is no path of a file");
		diag_hint(&doc->at, diag, "write the path of a file of the repository, such as patches/common.yaml");
		return false;
	}
	look(template, doc, &search, file, &finding);
	if (finding.count == 0) {
		report_outside(doc, node, path, file, &search);
		return false;
	}
	if (finding.found == 2) {
		struct diag *diag = diag_error(&doc->at, "AmbiguousFile", node, PATH_TEXT(path),
					       "\"%.*s\" is both %.*s and %.*s", SPAN_ARG(file), SPAN_ARG(finding.path[0]),
					       SPAN_ARG(finding.path[1]));
		diag_hint(&doc->at, diag, "rename one of them, so that omnictl finds the same file from every directory");
		return false;
	}
	if (finding.found == 0) {
		report_missing(doc, node, path, file, &finding);
		return false;
	}
	*out_path = finding.best_path;
	*out_bytes = finding.best->bytes;
	keep_file(template, file, *out_path, *out_bytes);
	return true;
}

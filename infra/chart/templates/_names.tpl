{{- define "labels" -}}
app.kubernetes.io/name: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "pods" -}}
app.kubernetes.io/name: {{ .Release.Name }}
app.kubernetes.io/component: serving
{{- end }}

{{- /* The name holds the content's hash: another config is another ConfigMap, and so another release. */ -}}
{{- define "config" -}}
{{ .Release.Name }}-config-{{ .Values.config | sha256sum | trunc 10 }}
{{- end }}

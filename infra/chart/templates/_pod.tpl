{{- /* What a pod of a release is, whether callers are sent to it or it is staged. It is as the restricted Pod Security Standard wants it. */ -}}
{{- define "pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
# Longer than the pod needs to end: until no caller is sent here, the drain, and 20 s for requests in progress.
terminationGracePeriodSeconds: {{ add .Values.leaveSeconds 35 }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  seccompProfile: { type: RuntimeDefault }
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
{{- range $name := list "nodeSelector" "tolerations" "priorityClassName" }}
{{- with index $.Values $name }}
{{ $name }}: {{ toJson . }}
{{- end }}
{{- end }}
containers:
  - name: release
    image: {{ .Values.image | quote }}
    imagePullPolicy: IfNotPresent # by digest there is no newer one
    env:
      - { name: RELEASE_TAG, value: {{ index .Values.release "release.tag" | quote }} }
      - { name: RELEASE_DIGEST, value: {{ index .Values.release "release.digest" | quote }} }
      - { name: HOST, value: "0.0.0.0" }
      # A port for callers, and one for the cluster; a release from before has the latter for all.
      - { name: PORT, value: {{ .Values.callersPort | quote }} }
      - { name: INSIDE, value: "0.0.0.0:8080" }
      - { name: ACCESS, value: "/access:/tmp/access" }
    ports:
      - { name: http, containerPort: {{ .Values.callersPort }} }
      {{- if ne (int .Values.callersPort) 8080 }}
      - { name: inside, containerPort: 8080 }
      {{- end }}
    # /readyz answers when the files match the manifest and the golden rows get the recorded answers.
    startupProbe:
      httpGet: { path: /readyz, port: 8080 }
      periodSeconds: 1
      failureThreshold: 300
    readinessProbe:
      httpGet: { path: /readyz, port: 8080 }
      periodSeconds: 2
      timeoutSeconds: 2
    livenessProbe:
      httpGet: { path: /healthz, port: 8080 }
      periodSeconds: 10
      timeoutSeconds: 5
    {{- with .Values.leaveSeconds }}
    lifecycle:
      preStop:
        sleep: { seconds: {{ . }} }
    {{- end }}
    resources: {{ toYaml .Values.resources | nindent 6 }}
    securityContext:
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      capabilities: { drop: [ALL] }
    volumeMounts:
      - { name: tmp, mountPath: /tmp }
      - { name: config, mountPath: /release/config.toml, subPath: config.toml, readOnly: true }
      - { name: access, mountPath: /access, readOnly: true }
volumes:
  - name: tmp
    emptyDir: { medium: Memory, sizeLimit: 64Mi }
  - name: config
    configMap: { name: {{ include "config" . }} }
  - name: access # keys and routes: `./run keys` writes it
    configMap: { name: {{ .Release.Name }}-access, optional: true }
{{- end }}
